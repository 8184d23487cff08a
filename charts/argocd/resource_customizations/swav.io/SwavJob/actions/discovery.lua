-- What can be done to a SwavJob now.
local ended = false
for _, condition in ipairs(obj.status ~= nil and obj.status.conditions or {}) do
  if (condition.type == "Complete" or condition.type == "Failed") and condition.status == "True" then
    ended = true
  end
end
local suspended = obj.spec.suspend == true
local checkpoint = obj.spec.checkpoint ~= nil and obj.spec.checkpoint.uri ~= nil

local actions = {}
actions["suspend"] = {["disabled"] = ended or suspended}
actions["resume"] = {["disabled"] = ended or not suspended}
actions["scale"] = {
  ["disabled"] = ended,
  ["params"] = {{["name"] = "replicas", ["default"] = tostring(obj.spec.replicas or 1)}}
}
actions["checkpoint-now"] = {["disabled"] = ended or suspended or not checkpoint}
return actions
