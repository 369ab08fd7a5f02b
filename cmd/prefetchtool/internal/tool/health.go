package tool

import (
	"context"

	"prefetch_exporter/internal/commandline"
)

func (r *run) healthy(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("healthy", "Ask whether the exporter is healthy, for the health check of a container."+
		" Exits with 5 if it says that it is not.")
	return c.FullCommand(), func(ctx context.Context) error { return r.probe(ctx, "/-/healthy") }
}

func (r *run) ready(app *commandline.App) (string, func(context.Context) error) {
	c := app.Command("ready", "Ask whether the exporter is ready: its state is restored and every account is polled."+
		" Exits with 5 if it says that it is not.")
	return c.FullCommand(), func(ctx context.Context) error { return r.probe(ctx, "/-/ready") }
}

func (r *run) probe(ctx context.Context, path string) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	text, err := client.Get(ctx, path)
	if err != nil {
		return err
	}
	if r.json {
		return r.writeJSON(map[string]string{"status": text})
	}
	r.lines(printable(text))
	return nil
}
