"""Stand-ins for what processes are given from outside; the product itself uses none of them."""
