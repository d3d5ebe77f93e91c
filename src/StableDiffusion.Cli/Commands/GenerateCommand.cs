using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The program's own command: one prompt, one or more pictures.</summary>
internal static class GenerateCommand
{
    private const string Help = """
        Paints pictures from text with Stable Diffusion on ONNX Runtime; the same seed gives the same picture as diffusers.

        The paths of the pictures go to standard output, everything else to standard error.
        Exit codes: 0 done, 1 failed (model, device), 2 cannot be done (option, input or output file), 130 stopped by Ctrl-C, 143 by SIGTERM.
        """;

    public static RootCommand Create()
    {
        var image = new ImageOptions();
        var program = new ProgramOptions();
        var steps = new StepOptions();
        var output = new Option<string?>("--output", "-o")
        {
            Description = "A file (.png, .jpg, .webp), a folder, or a pattern with {index}, {seed}, {prompt}, such as 'out/{index:05}-{seed}.png'. [default: {prompt:40}-{seed}.png]",
            HelpName = "path",
        };
        var saveLatents = new Option<string?>("--save-latents")
        {
            Description = "Also write the final latents, float32 [n, 4, height/8, width/8], as diffusers' output_type=\"latent\" gives them.",
            HelpName = "file.npy",
        };

        var from = new Option<string?>("--from")
        {
            Description = "Paint a picture again as its file says (of this program, the webui, ComfyUI, InvokeAI); other options change what they name.",
            HelpName = "picture",
        };

        var root = new RootCommand(Help) { image.PromptArgument, program.Model, output };
        foreach (var option in (IEnumerable<Option>)[from, .. image.All, saveLatents, .. steps.All, .. program.All])
        {
            root.Add(option);
        }

        root.Add(BatchCommand.Create());
        root.Add(CompareCommand.Create());
        root.Add(GridCommand.Create());
        root.Add(CannyCommand.Create());
        root.Add(UpscaleCommand.Create());
        root.Add(ShowCommand.Create());
        root.Add(VocabularyCommand.Create());
        root.Add(ExplainCommand.Create());
        root.Add(NoiseCommand.Create());
        root.Add(EncodeCommand.CreateEncode());
        root.Add(EncodeCommand.CreateDecode());
        root.Add(PullCommand.Create());
        root.Add(ListCommand.Create());
        root.Add(RemoveCommand.Create());
        root.Add(CacheCommand.Create());
        root.Add(OptimizeCommand.Create());
        root.Add(InspectCommand.Create());
        root.Add(DoctorCommand.Create());
        root.Add(ConfigCommand.Create());
        root.Add(CompletionCommand.Create(root));
        root.Add(CompletionCommand.CreateManual(root));
        HelpPage.AddTo(root);
        Numbers.ReadStrictly(root);
        root.SetAction(parsed => Run(parsed, image, program, steps, parsed.GetValue(from), parsed.GetValue(output), parsed.GetValue(saveLatents)));
        return root;
    }

    private static int Run(ParseResult parsed, ImageOptions image, ProgramOptions program, StepOptions steps, string? from, string? output, string? latentsPath)
    {
        var watch = Stopwatch.StartNew();
        var log = program.Log(parsed);
        using var interruption = new Interruption();
        try
        {
            var recipe = from is null ? null : Recipe.Read(from);
            recipe?.FitTo(() => program.Folder(parsed));
            var asJson = program.Json(parsed);

            // Made only where it is needed: most runs begin sooner without it.
            var table = recipe is not null || asJson ? new FieldTable(image) : null;
            var again = recipe is null ? null : Again(recipe, from!, parsed, image, table!, log);
            var prompt = again is null ? image.PromptText(parsed, () => program.Folder(parsed)) : "";
            var request = again is null ? image.Request(new GivenByCommandLine(parsed), prompt) : table!.Request(again);
            var wanted = again is null ? [.. Enumerable.Range(0, request.PicturesPerSeed)] : FieldTable.PicturesOf(again, request);
            var count = request.Seeds.Count * wanted.Count;
            var pattern = OutputPattern.Parse(output);
            PictureFile.RequireWritable(pattern, request, count);
            if (latentsPath is not null)
            {
                if (latentsPath.Contains('{', StringComparison.Ordinal))
                {
                    throw new RequestException($"--save-latents {OneLine.Quote(latentsPath)} is one file for all pictures, [n, channels, height, width]; give it a name without {{…}}.");
                }

                EncodeCommand.RequireWritable("--save-latents", latentsPath);
            }

            var files = steps.Files(parsed, request);
            RequireOwnFiles(pattern, files, request, count);
            var preview = steps.Screen(parsed, log);
            request = request with { ReportsSteps = files is not null || preview is not null };
            var json = asJson ? table!.ToJson(again ?? new LineFields(table.Defaults(parsed)) { [FieldTable.Prompt] = [prompt] }) : null;
            using var pipeline = program.Open(parsed, log, opensOnce: request is { Seeds.Count: 1, Hires: null, ReportsSteps: false });
            if (recipe?.OtherModel(pipeline.Folder) is { } other)
            {
                log.Warn($"{OneLine.Quote(from!)}: {other}");
            }

            preview?.Begin(pipeline.FitColours(request, interruption.Token));
            var progress = new StepProgress(new ConsoleProgress(log), files, preview);
            var latents = new List<Latents>();
            var painted = 0;
            GeneratedImage? last = null;
            foreach (var picture in pipeline.Generate(request, progress, interruption.Token))
            {
                if (!wanted.Contains(picture.IndexInSeed))
                {
                    continue;
                }

                var (path, file) = PictureFile.Write(picture, pattern, count, request.Prompt, image.QualityOf(new GivenByCommandLine(parsed)));
                preview?.Finish(picture);
                log.EndBar();
                StandardStreams.WriteResult(json is null ? path : ResultJson.ToText(ResultJson.Of(path, PictureFile.HashOf(file), json, request.PicturesPerSeed, picture, pipeline)), path);
                log.Event("picture", () => new JsonObject { ["path"] = path, ["index"] = picture.Index });
                log.Info(Summary(picture, pipeline));
                if (files is not null)
                {
                    log.Info(files.Write(picture, one => pipeline.Decode(one, interruption.Token)));
                }

                painted++;
                if (latentsPath is not null)
                {
                    latents.Add(picture.Latents);
                }

                last = picture;
            }

            if (latentsPath is not null && last is not null)
            {
                WriteLatents(latentsPath, latents);
            }

            log.Info(string.Create(CultureInfo.InvariantCulture, $"{painted} {(painted == 1 ? "picture" : "pictures")} in {watch.Elapsed.TotalSeconds:0.0} s on {pipeline.Device}"));
            return ExitCode.Done;
        }
        catch (OperationCanceledException)
        {
            log.EndBar();
            log.Error("stopped; pictures already reported are complete.");
            return interruption.ExitCode;
        }
        finally
        {
            log.EndBar();
        }
    }

    /// <summary>Fails before anything is painted where one file would be written over another. Latents have names of their own.</summary>
    private static void RequireOwnFiles(OutputPattern pattern, StepFiles? steps, ImageRequest request, int count)
    {
        if (steps is null)
        {
            return;
        }

        var files = new OutputFiles();
        for (var i = 0; i < count; i++)
        {
            files.Add("--output", pattern.PathOf(i, count, request.Seeds[i * request.Seeds.Count / count], request.Prompt).Path);
        }

        steps.AddTo(files);
    }

    /// <summary>What a picture's file asks for: what is typed stands above it, the user's own defaults below.</summary>
    private static LineFields Again(Recipe recipe, string picture, ParseResult parsed, ImageOptions image, FieldTable table, ConsoleLog log)
    {
        var typed = TypedInvocation.Of(parsed);
        var given = new LineFields(table.Defaults(parsed).Where(field => recipe.LeavesOpen(field.Key)));
        foreach (var (field, values) in table.Defaults(typed))
        {
            given[field] = values;
        }

        if (image.PromptOf(typed) is { } prompt)
        {
            given[FieldTable.Prompt] = [prompt];
            if (recipe.Fields[FieldTable.Prompt][0].Contains("<lora:", StringComparison.Ordinal) && !given.ContainsKey("lora"))
            {
                log.Warn($"{OneLine.Quote(picture)}: its LoRAs stand in its prompt, in whose place another is given; give them with --lora.");
            }
        }

        // What a note advises to give may be given.
        var names = parsed.CommandResult.Command.Options.Where(option => !image.All.Contains(option) && parsed.GetResult(option) is { Implicit: false })
            .Select(option => OptionNames.FieldOf(option.Name)).Concat(given.Keys).ToHashSet();
        foreach (var note in recipe.Notes.Where(note => !note.IsSettledBy(names)))
        {
            log.Warn($"{OneLine.Quote(picture)}: {OneLine.Of(note.Text)}");
        }

        return recipe.With(given);
    }

    private static string Summary(GeneratedImage picture, TextToImagePipeline pipeline)
    {
        var (loading, text, encoding, denoising, decoding) = picture.Timings;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"seed {Seeds.Text(picture.Seed)}: {picture.Parameters.Width}x{picture.Parameters.Height}, {picture.Parameters.Steps} steps {picture.Parameters.Sampler}, "
            + $"model {pipeline.Folder.Name} on {pipeline.Device}; seconds: load {loading.TotalSeconds:0.00}, text {text.TotalSeconds:0.00}, "
            + $"{(encoding > TimeSpan.Zero ? $"init image {encoding.TotalSeconds:0.00}, " : "")}unet {denoising.TotalSeconds:0.00}, vae {decoding.TotalSeconds:0.00}");
    }

    private static void WriteLatents(string path, List<Latents> latents)
    {
        var first = latents[0];
        float[] values = [.. latents.SelectMany(one => one.Values)];
        AtomicFile.Write(path, stream => NpyFile.Write(stream, [latents.Count, first.Channels, first.Height, first.Width], values));
    }
}
