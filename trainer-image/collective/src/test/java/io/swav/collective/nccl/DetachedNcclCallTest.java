package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;

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
    void aCallThatHasBegunIsMadeOnce() {
        DetachedNcclCall call = call();
        call.make();
        call.close();
        assertThat(call.result()).isEqualTo(7);
        assertThat(made).containsExactly("call", "after");
    }
}
