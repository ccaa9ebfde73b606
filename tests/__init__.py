"""The tests; packages, so that a lab of a directory ends with its last test (scope="package")."""
