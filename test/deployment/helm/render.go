// Renders a Helm chart by the engine that Helm uses, Go's text/template with the functions of sprig and Helm's own, as its documentation
// ("Appendix: Template Functions and Values") describes them: Helm itself is in no package of Debian.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run render.go CHART < {"release": "r", "namespace": "n", "values": {...}}
//
// Prints {"<template>": "<text>"}, or the error and ends with 1.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type values = map[string]interface{}

func main() {
	if err := render(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(chart string) error {
	var asked struct {
		Release, Namespace string
		Values             values
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	about, given := values{}, values{}
	for path, into := range map[string]*values{"Chart.yaml": &about, "values.yaml": &given} {
		text, err := os.ReadFile(filepath.Join(chart, path))
		if err != nil {
			return err
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	lay(given, asked.Values)
	templates := template.New("chart").Option("missingkey=zero").Funcs(functions())
	templates.Funcs(template.FuncMap{"include": func(name string, with interface{}) (string, error) {
		var text strings.Builder
		err := templates.ExecuteTemplate(&text, name, with)
		return text.String(), err
	}})
	paths, _ := filepath.Glob(filepath.Join(chart, "templates", "*"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := templates.New(filepath.Base(path)).Parse(string(text)); err != nil {
			return err
		}
	}
	rendered := map[string]string{}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var text strings.Builder
		if err := templates.ExecuteTemplate(&text, name, values{
			"Values": given, "Chart": titled(about), "Release": values{"Name": asked.Release, "Namespace": asked.Namespace, "Service": "Helm", "IsInstall": true},
		}); err != nil {
			return err
		}
		rendered[name] = strings.ReplaceAll(text.String(), "<no value>", "")
	}
	return json.NewEncoder(os.Stdout).Encode(rendered)
}

func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	// A chart may not look at the machine that renders it.
	delete(all, "env")
	delete(all, "expandenv")
	all["toYaml"] = func(of interface{}) (string, error) {
		text, err := yaml.Marshal(of)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	all["required"] = func(complaint string, of interface{}) (interface{}, error) {
		if of == nil || of == "" {
			return nil, errors.New(complaint)
		}
		return of, nil
	}
	all["include"] = func(string, interface{}) (string, error) { return "", nil }
	return all
}

// Values that are given lie over those of the chart; null takes one away.
func lay(under, over values) {
	for key, value := range over {
		nested, isMap := value.(values)
		below, wasMap := under[key].(values)
		switch {
		case value == nil:
			delete(under, key)
		case isMap && wasMap:
			lay(below, nested)
		default:
			under[key] = value
		}
	}
}

// Chart.yaml has `appVersion`, templates ask for `.Chart.AppVersion`.
func titled(about values) values {
	with := values{}
	for key, value := range about {
		with[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return with
}
