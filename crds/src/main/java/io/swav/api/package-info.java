/**
 * The API of {@code swav.io/v1alpha1}: records of the spec and the status, the generated definition, and the names,
 * variables and exit codes that operator and trainer share. Classes here hold and check data. They open no connection,
 * and they depend on no other module.
 */
@NullMarked
package io.swav.api;

import org.jspecify.annotations.NullMarked;
