"""Check points over HTTP: WebDAV, pages for browsers, folders as tar or zip."""
