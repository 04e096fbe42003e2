"""Defaults and admission plugins between a request and the store."""
