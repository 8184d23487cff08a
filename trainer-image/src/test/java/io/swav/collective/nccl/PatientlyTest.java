package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PatientlyTest {
    private final List<String> made = new ArrayList<>();

    @BeforeEach
    void stub() {
        NcclStub.folder();
    }

    private Patiently call() {
        return new Patiently(
                () -> {
                    made.add("call");
                    return 7;
                },
                () -> made.add("after"));
    }

    @Test
    void whatWasGivenUpBeforeItsThreadBeganIsNotCalled() {
        Patiently call = call();
        call.close();
        call.make();
        assertThat(call.isDone()).isTrue();
        assertThat(made).isEmpty();
    }

    @Test
    void whatHasBegunIsCalledOnce() {
        Patiently call = call();
        call.make();
        call.close();
        assertThat(call.result()).isEqualTo(7);
        assertThat(made).containsExactly("call", "after");
    }
}
