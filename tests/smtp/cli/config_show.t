run config-show
out *"home.example"*
run config-diff
out *home.example*
