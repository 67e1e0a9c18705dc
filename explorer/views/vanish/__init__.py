"""The page that shows why gradients vanish."""
