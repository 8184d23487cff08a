package io.swav.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The value of key {@link ResourceNames#NEWCOMERS_KEY}: trainers that wait to enter the world, which its members call
 * beforehand. The list decides nothing: a member that cannot read it calls no newcomer, and trains on.
 */
public final class NewcomerList {
    /** The largest number of newcomers that a reader calls; the rest has its turn when these have entered or left. */
    public static final int MOST = 256;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private NewcomerList() {}

    public static String write(List<World.Member> newcomers) {
        try {
            return JSON.writeValueAsString(newcomers.stream().limit(MOST).toList());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("newcomers " + newcomers, e);
        }
    }

    /** Reads a list of any content: entries that cannot be called are left out, and a text that is no list is empty. */
    public static List<World.Member> read(@Nullable String text) {
        if (text == null || text.isBlank()) {
            return List.of();
        }
        try {
            @Nullable List<World.Member> all = JSON.readValue(text, new TypeReference<>() {});
            return Optional.ofNullable(all).orElse(List.of()).stream()
                    .filter(NewcomerList::canBeCalled)
                    .limit(MOST)
                    .toList();
        } catch (JsonProcessingException e) {
            return List.of();
        }
    }

    /** Jackson reads as null what the text lacks. */
    private static boolean canBeCalled(World.@Nullable Member newcomer) {
        return newcomer != null
                && !Objects.requireNonNullElse(newcomer.uid(), "").isBlank()
                && PeerAddress.parse(Objects.requireNonNullElse(newcomer.address(), ""))
                        .isPresent();
    }
}
