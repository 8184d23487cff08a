-- How a SwavJob is. Base functions only: Argo CD runs this without Lua's standard libraries.
-- Only Healthy and Degraded end a sync wave.
local status = obj.status
if status == nil or status.observedGeneration == nil then
  return {status = "Progressing", message = "the operator has not seen the job yet"}
end
-- what status says is about an earlier spec
if obj.metadata.generation ~= nil and status.observedGeneration < obj.metadata.generation then
  return {status = "Progressing", message = "the operator has not seen generation " .. obj.metadata.generation .. " yet"}
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local order = {
  {"Failed", "Degraded"},
  {"Stalled", "Degraded"}, -- a person has to act; training may continue with the earlier spec
  {"Complete", "Healthy"},
  {"Suspended", "Suspended"},
  {"Ready", "Healthy"}
}
for _, pair in ipairs(order) do
  local condition = conditions[pair[1]]
  if condition ~= nil and condition.status == "True" then
    return {status = pair[2], message = condition.message}
  end
end
local ready = conditions.Ready
return {status = "Progressing", message = ready ~= nil and ready.message or "the operator has not reported anything yet"}
