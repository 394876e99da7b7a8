local n = 0
for round = 1, 20 do
  local a = {}
  for i = 0, 19999 do a[#a + 1] = i * 3 % 1000 end
  for i = 1, #a do if a[i] > 500 then n = n + a[i] end end
end
print(n)
