package io.swav.conformance;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/** A report of a rank about its cases, sent as one line of JSON. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME)
@JsonSubTypes({
    @JsonSubTypes.Type(value = CaseEvent.Begun.class, name = "begun"),
    @JsonSubTypes.Type(value = CaseEvent.Compared.class, name = "compared"),
    @JsonSubTypes.Type(value = CaseEvent.Ended.class, name = "ended")
})
sealed interface CaseEvent {
    ObjectMapper MAPPER = new ObjectMapper();

    /** A case began. Cases nest: a file contains cases. */
    record Begun(String name) implements CaseEvent {}

    record Compared(GoldenCase result) implements CaseEvent {}

    record Ended(String name) implements CaseEvent {}

    static CaseEvent parse(String line) {
        try {
            return MAPPER.readValue(line, CaseEvent.class);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a rank sent an unreadable case event: " + line, e);
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
