"""The pages of accounts: parse, call the service, show the result or go on."""
