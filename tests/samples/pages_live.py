"""What the tests of several packages share: pages live."""

LOADED = "document.readyState === 'complete' && document.querySelectorAll('[aria-busy]').length === 0"
