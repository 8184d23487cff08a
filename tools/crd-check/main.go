// Command crd-check judges a CustomResourceDefinition, and objects of it, with the code of the API server itself.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// A specCase is a spec, and the messages of the rules that it breaks; with Before, as an update of that spec.
type specCase struct {
	Name    string         `json:"name"`
	Before  map[string]any `json:"before"`
	Spec    map[string]any `json:"spec"`
	Broken  []string       `json:"broken"`
	Invalid bool           `json:"invalid"` // by the schema, whatever the message
}

// A judge has what the API server derives from a definition to judge objects.
type judge struct {
	kind       string
	apiVersion string
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

func main() {
	crdFile := flag.String("crd", "", "the CustomResourceDefinition, YAML")
	casesFile := flag.String("cases", "", "specs and the messages of the rules that they break, JSON")
	flag.Parse()
	problems, err := check(*crdFile, *casesFile, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "crd-check:", err)
		os.Exit(2)
	}
	for _, problem := range problems {
		fmt.Println("FAIL ", problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

func check(crdFile, casesFile string, manifests []string) ([]string, error) {
	crd, err := readDefinition(crdFile)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, e := range crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd) {
		problems = append(problems, fmt.Sprintf("%s: %v", crdFile, e))
	}
	if len(problems) > 0 {
		return problems, nil
	}
	j, err := newJudge(crd)
	if err != nil {
		return nil, err
	}
	fmt.Printf("ok    %s: an API server accepts it; its rules cost no more than allowed\n", crdFile)
	if casesFile != "" {
		wrong, count, err := j.cases(casesFile)
		if err != nil {
			return nil, err
		}
		problems = append(problems, wrong...)
		fmt.Printf("ok    %d of %d cases of %s\n", count-len(wrong), count, casesFile)
	}
	for _, file := range manifests {
		wrong, count, err := j.manifest(file)
		if err != nil {
			return nil, err
		}
		problems = append(problems, wrong...)
		if len(wrong) == 0 && count > 0 {
			fmt.Printf("ok    %s: %d %s\n", file, count, j.kind)
		}
	}
	return problems, nil
}

func readDefinition(file string) (*apiextensions.CustomResourceDefinition, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	external := &v1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, external); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	v1.SetDefaults_CustomResourceDefinition(external)
	v1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	return internal, v1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(external, internal, nil)
}

func newJudge(crd *apiextensions.CustomResourceDefinition) (*judge, error) {
	version := crd.Spec.Versions[0]
	validated, err := apiextensions.GetSchemaForVersion(crd, version.Name)
	if err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(validated.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(validated.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	return &judge{
		kind:       crd.Spec.Names.Kind,
		apiVersion: crd.Spec.Group + "/" + version.Name,
		structural: structural,
		schema:     validator,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// judge returns what the schema and what the rules say about an object, with defaults filled in as on creation.
func (j *judge) judge(object, before map[string]any) (invalid []string, broken []string) {
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object, j.structural, true, options) {
		invalid = append(invalid, "unknown field "+path)
	}
	defaulting.Default(object, j.structural)
	for _, e := range validation.ValidateCustomResource(nil, object, j.schema) {
		invalid = append(invalid, e.Error())
	}
	if len(invalid) > 0 {
		return invalid, nil
	}
	var old any // a nil map would count as an earlier object
	if before != nil {
		defaulting.Default(before, j.structural)
		old = before
	}
	var errs field.ErrorList
	errs, _ = j.rules.Validate(context.Background(), nil, j.structural, object, old, celconfig.RuntimeCELCostBudget)
	for _, e := range errs {
		broken = append(broken, e.Detail)
	}
	return nil, broken
}

func (j *judge) object(spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": j.apiVersion,
		"kind":       j.kind,
		"metadata":   map[string]any{"name": "case"},
		"spec":       runtime.DeepCopyJSON(spec),
	}
}

func (j *judge) cases(file string) (wrong []string, count int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	var cases []specCase
	if err := json.Unmarshal(text, &cases); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", file, err)
	}
	for _, c := range cases {
		var before map[string]any
		if c.Before != nil {
			before = j.object(wholeNumbers(c.Before).(map[string]any))
		}
		invalid, broken := j.judge(j.object(wholeNumbers(c.Spec).(map[string]any)), before)
		sort.Strings(broken)
		expected := append([]string(nil), c.Broken...)
		sort.Strings(expected)
		if c.Invalid != (len(invalid) > 0) || !reflect.DeepEqual(expected, broken) {
			wrong = append(wrong, fmt.Sprintf("case {%s}: expected %q, but the server says %q",
				c.Name, expected, append(invalid, broken...)))
		}
	}
	return wrong, len(cases), nil
}

// wholeNumbers makes integers of numbers without a fraction, as the API server reads JSON.
func wholeNumbers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = wholeNumbers(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = wholeNumbers(inner)
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

func (j *judge) manifest(file string) (wrong []string, count int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	documents := yaml.NewYAMLToJSONDecoder(bytes.NewReader(text))
	for {
		var object map[string]any
		if err := documents.Decode(&object); errors.Is(err, io.EOF) {
			return wrong, count, nil
		} else if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", file, err)
		}
		if object["kind"] != j.kind {
			continue
		}
		count++
		invalid, broken := j.judge(wholeNumbers(object).(map[string]any), nil)
		if problems := append(invalid, broken...); len(problems) > 0 {
			wrong = append(wrong, file+": "+strings.Join(problems, "; "))
		}
	}
}
