package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.CollectiveException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DetachedNcclCallTest {
    private final List<String> made = new ArrayList<>();

    @BeforeEach
    void stub() {
        NcclStub.folder();
    }

    private DetachedNcclCall call() {
        return new DetachedNcclCall(
                () -> {
                    made.add("call");
                    return 7;
                },
                () -> made.add("after"));
    }

    @Test
    void aCallClosedBeforeItBeganIsNotMade() {
        DetachedNcclCall call = call();
        call.close();
        call.make();
        assertThat(call.isDone()).isTrue();
        assertThat(made).isEmpty();
    }

    @Test
    void aCallThatThrowsIsNoSuccess() {
        DetachedNcclCall call = new DetachedNcclCall(
                () -> {
                    throw new OutOfMemoryError("Java heap space");
                },
                () -> made.add("after"));
        call.make();
        assertThat(call.isDone()).isTrue();
        assertThatThrownBy(call::result)
                .isInstanceOf(CollectiveException.class)
                .hasMessageContaining("Java heap space");
    }

    @Test
    void aCallThatHasBegunIsMadeOnce() {
        DetachedNcclCall call = call();
        call.make();
        call.close();
        assertThat(call.result()).isEqualTo(7);
        assertThat(made).containsExactly("call", "after");
    }
}
