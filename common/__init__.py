"""What every room needs: errors, registries, JSON, threads."""
