-- Another value asks for another checkpoint; the version of the object is one that was never there before.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["swav.io/checkpoint"] = obj.metadata.resourceVersion
return obj
