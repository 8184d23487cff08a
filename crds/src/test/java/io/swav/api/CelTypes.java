package io.swav.api;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import dev.cel.common.types.CelType;
import dev.cel.common.types.CelTypeProvider;
import dev.cel.common.types.ListType;
import dev.cel.common.types.SimpleType;
import dev.cel.common.types.StructType;
import dev.cel.common.types.StructTypeReference;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import java.util.Optional;

/** The schema's nodes as CEL types, named by their path, so that rules are checked as an API server compiles them. */
final class CelTypes implements CelTypeProvider {
    private final ImmutableMap<String, CelType> types;

    private CelTypes(ImmutableMap<String, CelType> types) {
        this.types = types;
    }

    static CelTypes of(String path, JSONSchemaProps schema) {
        ImmutableMap.Builder<String, CelType> types = ImmutableMap.builder();
        add(path, schema, types);
        return new CelTypes(types.buildOrThrow());
    }

    /** Objects are added under their path and named by reference. */
    private static CelType add(String path, JSONSchemaProps schema, ImmutableMap.Builder<String, CelType> types) {
        return switch (schema.getType()) {
            case "object" -> {
                ImmutableMap.Builder<String, CelType> found = ImmutableMap.builder();
                schema.getProperties().forEach((name, inner) -> found.put(name, add(path + "." + name, inner, types)));
                ImmutableMap<String, CelType> fields = found.buildOrThrow();
                types.put(
                        path, StructType.create(path, fields.keySet(), name -> Optional.ofNullable(fields.get(name))));
                yield StructTypeReference.create(path);
            }
            case "array" -> ListType.create(add(path + "[]", schema.getItems().getSchema(), types));
            case "integer" -> SimpleType.INT;
            case "number" -> SimpleType.DOUBLE;
            case "boolean" -> SimpleType.BOOL;
            case "string" -> SimpleType.STRING;
            default -> throw new IllegalStateException("schema of " + path + " has type " + schema.getType());
        };
    }

    @Override
    public ImmutableList<CelType> types() {
        return types.values().asList();
    }

    @Override
    public Optional<CelType> findType(String name) {
        return Optional.ofNullable(types.get(name));
    }
}
