"""The only place that knows Faust and its private members."""
