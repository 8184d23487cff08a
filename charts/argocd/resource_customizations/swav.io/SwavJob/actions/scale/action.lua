local text = actionParams ~= nil and actionParams["replicas"] or nil
local replicas = text ~= nil and tonumber(text) or nil
if replicas == nil or replicas < 1 or replicas % 1 ~= 0 then
  error("replicas: " .. tostring(text) .. " is not a whole number from 1 on (suspend stops a job)", 0)
end
obj.spec.replicas = replicas
return obj
