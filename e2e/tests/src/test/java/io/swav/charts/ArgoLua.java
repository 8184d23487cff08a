package io.swav.charts;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.luaj.vm2.Globals;
import org.luaj.vm2.LoadState;
import org.luaj.vm2.LuaTable;
import org.luaj.vm2.LuaValue;
import org.luaj.vm2.Varargs;
import org.luaj.vm2.compiler.LuaC;
import org.luaj.vm2.lib.BaseLib;

/**
 * Runs scripts as Argo CD runs those of a user: {@code obj} is the object, {@code actionParams} the action's parameters;
 * the base functions are available, Lua's standard libraries are not.
 */
public final class ArgoLua {
    private static final String FOLDER = "charts/argocd/resource_customizations/swav.io/SwavJob/";

    private ArgoLua() {}

    /** @return {@code {status, message}} */
    public static JsonNode health(JsonNode job) throws IOException {
        return run("health.lua", job, Map.of());
    }

    /** @return the actions that Argo CD offers, by name */
    public static JsonNode discover(JsonNode job) throws IOException {
        return run("actions/discovery.lua", job, Map.of());
    }

    /** @return the object as changed by the action */
    public static JsonNode act(String action, JsonNode job, Map<String, String> parameters) throws IOException {
        return run("actions/" + action + "/action.lua", job, parameters);
    }

    static JsonNode data(String file) throws IOException {
        return Chart.yaml(ProjectFiles.read(FOLDER + file));
    }

    static String script(String file) throws IOException {
        return ProjectFiles.read(FOLDER + file);
    }

    private static JsonNode run(String script, JsonNode job, Map<String, String> parameters) throws IOException {
        Globals globals = new Globals();
        globals.load(new BaseLib());
        for (String filesystem : new String[] {"dofile", "loadfile", "collectgarbage"}) {
            globals.set(filesystem, LuaValue.NIL);
        }
        LoadState.install(globals);
        LuaC.install(globals);
        globals.set("obj", lua(job));
        LuaTable given = new LuaTable();
        parameters.forEach((name, value) -> given.set(name, value));
        globals.set("actionParams", given);
        return json(globals.load(script(script), script).call());
    }

    private static LuaValue lua(JsonNode json) {
        if (json.isObject()) {
            LuaTable table = new LuaTable();
            json.properties().forEach(field -> table.set(field.getKey(), lua(field.getValue())));
            return table;
        }
        if (json.isArray()) {
            LuaTable table = new LuaTable();
            for (int i = 0; i < json.size(); i++) {
                table.set(i + 1, lua(json.get(i)));
            }
            return table;
        }
        if (json.isBoolean()) {
            return LuaValue.valueOf(json.asBoolean());
        }
        if (json.isNumber()) { // Argo CD's Lua has a single number type
            return LuaValue.valueOf(json.asDouble());
        }
        return json.isNull() ? LuaValue.NIL : LuaValue.valueOf(json.asText());
    }

    /** Converts a value to JSON. An empty table becomes an empty object, because Lua does not distinguish it from a list. */
    private static JsonNode json(LuaValue value) {
        JsonNodeFactory nodes = JsonNodeFactory.instance;
        if (value.istable()) {
            LuaTable table = value.checktable();
            if (table.length() > 0) {
                ArrayNode array = nodes.arrayNode();
                for (int i = 1; i <= table.length(); i++) {
                    array.add(json(table.get(i)));
                }
                return array;
            }
            ObjectNode object = nodes.objectNode();
            for (Varargs entry = table.next(LuaValue.NIL); !entry.arg1().isnil(); entry = table.next(entry.arg1())) {
                object.set(entry.arg1().tojstring(), json(entry.arg(2)));
            }
            return object;
        }
        if (value.isboolean()) {
            return nodes.booleanNode(value.toboolean());
        }
        if (value.type() == LuaValue.TNUMBER) {
            double number = value.todouble();
            return number == Math.rint(number) ? nodes.numberNode((long) number) : nodes.numberNode(number);
        }
        return Optional.of(value)
                .filter(v -> !v.isnil())
                .<JsonNode>map(v -> nodes.textNode(v.tojstring()))
                .orElse(nodes.nullNode());
    }
}
