package io.swav.api;

/**
 * Parts of the CEL rules of {@link SwavJobSpec}: fields with the value that they have without a recipe, which the schema
 * does not contain.
 */
final class SpecRules {
    /** A recipe's values are not known to an API server. */
    static final String NO_RECIPE = "has(self.recipe) || ";

    static final String BATCH = "(has(self.training.globalBatch) ? self.training.globalBatch : 4096)";
    static final String GROUP = "(has(self.training.groupSize) ? self.training.groupSize : 64)";
    static final String EPOCHS = "(has(self.training.epochs) ? self.training.epochs : 100)";
    static final String QUEUE = "(has(self.assignment.mode) && self.assignment.mode == 'Queue')";

    private SpecRules() {}
}
