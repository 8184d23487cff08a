/** The API records of {@code swav.io/v1alpha1} and the contract between operator and trainer. */
@NullMarked
package io.swav.api;

import org.jspecify.annotations.NullMarked;
