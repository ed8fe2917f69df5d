"""Claims on woodworth2020a."""
