"""What the benchmarks share: reports, the token and cache model, the peers' histories, a worker at a desk, a model server with a clock."""
