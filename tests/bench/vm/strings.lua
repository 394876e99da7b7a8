local n = 0
for i = 0, 19999 do
  local s = ""
  for j = 0, 19 do s = s .. "key" .. j .. "; " end
  n = n + #s
end
print(n)
