-- How Argo CD judges EthrexL1Node, EthrexSettlement, EthrexRollup and ProverPool: by the conditions that kstatus reads too.
-- argocd-cm.yaml beside this file holds it for each kind; `make docs` writes that file again.
local found = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    found[condition.type] = condition
  end
end

local function told(condition)
  if condition.message ~= nil and condition.message ~= "" then
    return condition.reason .. ": " .. condition.message
  end
  return condition.reason
end

local function holds(type)
  return found[type] ~= nil and found[type].status == "True"
end

if found["Ready"] == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at this generation yet" }
end
if holds("Paused") then
  return { status = "Suspended", message = "paused: nothing is changed until it is taken back" }
end
if holds("Stalled") then
  return { status = "Degraded", message = told(found["Stalled"]) }
end
if holds("Ready") then
  return { status = "Healthy", message = told(found["Ready"]) }
end
return { status = "Progressing", message = told(found["Ready"]) }
