"""The report: one HTML file about a publication, for people who would rather look than read tables."""
