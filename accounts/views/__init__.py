"""The pages of accounts: parse, call the service, show or go on."""
