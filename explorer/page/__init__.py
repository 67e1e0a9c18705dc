"""What the pages share: controls, inspector, long work, and what the browser keeps."""
