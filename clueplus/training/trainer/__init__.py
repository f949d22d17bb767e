"""What experts and alignment share: data on disk, the loop, its guards, its metrics, the checkpoint that comes out."""
