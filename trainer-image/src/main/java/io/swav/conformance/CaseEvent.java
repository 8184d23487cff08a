package io.swav.conformance;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What a rank says of its cases: one line of JSON each. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME)
@JsonSubTypes({
    @JsonSubTypes.Type(value = CaseEvent.Begun.class, name = "begun"),
    @JsonSubTypes.Type(value = CaseEvent.Compared.class, name = "compared"),
    @JsonSubTypes.Type(value = CaseEvent.Ended.class, name = "ended")
})
sealed interface CaseEvent {
    ObjectMapper MAPPER = new ObjectMapper();

    /** Cases nest: a file holds cases of its own. */
    record Begun(String name) implements CaseEvent {}

    record Compared(GoldenCase result) implements CaseEvent {}

    record Ended(String name) implements CaseEvent {}

    static CaseEvent parse(String line) {
        try {
            return MAPPER.readValue(line, CaseEvent.class);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a rank said " + line, e);
        }
    }

    default String line() {
        try {
            return MAPPER.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("JSON cannot hold " + this, e);
        }
    }
}
