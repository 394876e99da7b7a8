local m, keys = {}, {}
for i = 0, 199 do m["key" .. i] = 0; keys[#keys + 1] = "key" .. i end
for round = 1, 2000 do
  for _, k in ipairs(keys) do m[k] = m[k] + 1 end
end
local sum = 0
for _, v in pairs(m) do sum = sum + v end
print(sum)
