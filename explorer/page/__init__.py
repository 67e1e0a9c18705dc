"""The parts that all pages share: side bar, inspector, long work, the session and the browser's memory of it."""
