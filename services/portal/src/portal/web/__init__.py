"""The portal as browsers see it: pages, and the JSON behind them. Routers check, call one use case and render."""
