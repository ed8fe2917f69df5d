"""One module or package for each paper; adding a paper is adding one here."""
