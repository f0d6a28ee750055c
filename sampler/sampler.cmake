# A fused multiply-add rounds once where two operations round twice: without this the alias tables, and with them the
# ids drawn, could differ between machines.
target_compile_options(sampler PRIVATE -ffp-contract=off)
