"""The account API: thin views over services and selectors."""
