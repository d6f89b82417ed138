"""Late arrivals of flights from New York: features and models."""
