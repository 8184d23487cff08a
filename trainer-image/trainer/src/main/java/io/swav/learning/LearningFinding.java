package io.swav.learning;

import io.swav.api.Diagnosis;

/**
 * A diagnosis that holds.
 *
 * @param why the figures that show it, then the settings to change, in sentences
 */
public record LearningFinding(Diagnosis what, String why) {}
