using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>What a picture's file says of how it was made, as the fields of a batch line.</summary>
/// <param name="Program">What wrote it, such as <c>webui</c>.</param>
internal sealed partial record Recipe(string Program)
{
    /// <summary>
    /// What a recipe that lacks it leaves to the user's own defaults: what every program writes where it knows it, and what no picture's text holds
    /// and changes no picture. All else is written where it is not as usual, so that its absence says something.
    /// </summary>
    private static readonly HashSet<string> _leftOpen =
    [
        "steps", "cfg_scale", "width", "height", FieldTable.Seed, "scheduler", "lora_dir", "embedding", "embedding_dir", FieldTable.BatchCount, FieldTable.BatchSize, "quality",
    ];

    private const string ClipSkip = "clip_skip";

    private readonly List<RecipeNote> _notes = [];

    /// <summary>The fields: option names with _ between words, and their values.</summary>
    public LineFields Fields { get; } = [];

    /// <summary>Fields that say something beside a picture to start from alone, which no file holds.</summary>
    public LineFields OfPicture { get; } = [];

    /// <summary>What the file says and this program cannot follow, one line each.</summary>
    public IReadOnlyList<RecipeNote> Notes => _notes;

    /// <summary>The name of the model that painted the picture; null where that is not said.</summary>
    public string? Model { get; set; }

    /// <summary>The variant of the model's networks; null for the plain ones, or where that is not said.</summary>
    public string? Variant { get; set; }

    /// <summary>Reads the recipe of a picture.</summary>
    /// <exception cref="RequestException">The file cannot be read, or says nothing that is understood.</exception>
    public static Recipe Read(string path)
    {
        var texts = PictureText.Read(path);
        string? Text(string key) => texts.FirstOrDefault(text => text.Key == key).Value;
        if (Text("invokeai_metadata") is { } invoke && InvokeRecipe.Parse(invoke) is { } ofInvoke)
        {
            return WithEnlargement(ofInvoke);
        }

        if (Text(GenerationParameters.Keyword) is { } infotext && GenerationParameters.TryParse(infotext, out var parameters))
        {
            return WithEnlargement(WebUiRecipe.Of(parameters));
        }

        if (Text("prompt") is { } graph && ComfyRecipe.Parse(graph) is { } ofComfy)
        {
            return WithEnlargement(ofComfy);
        }

        var has = texts.Count == 0 ? "it holds no text" : $"it holds {string.Join(", ", texts.Select(text => OneLine.Of(text.Key)).Distinct())}";
        throw new RequestException($"{OneLine.Quote(path)} does not say how it was made in a form that is understood ({has}); those of this program, the webui, ComfyUI and InvokeAI are.");

        Recipe WithEnlargement(Recipe recipe)
        {
            if (Text(PictureFields.Postprocessing) is { } done)
            {
                WebUiRecipe.AddEnlargement(recipe, InfotextField.ParseLine(done));
            }

            return recipe;
        }
    }

    /// <summary>Sets a field, unless there is nothing to set.</summary>
    public void Set(string field, string? value)
    {
        if (value is not null)
        {
            Fields[field] = [value];
        }
    }

    /// <summary>Takes note, once, of what cannot be followed.</summary>
    /// <param name="text">One line for the user.</param>
    /// <param name="advised">See <see cref="RecipeNote.Advised"/>.</param>
    public void Note(string text, params IReadOnlyList<string> advised)
    {
        if (_notes.TrueForAll(note => note.Text != text))
        {
            _notes.Add(new RecipeNote(text, advised));
        }
    }

    /// <summary>Takes note that another picture, which is not in the file, was painted over: where it is given, it is painted over as far.</summary>
    public void NoteStrength(string strength)
    {
        OfPicture["strength"] = [strength];
        Note($"it was painted from a picture at the strength {strength}; give that picture with --init-image.", "init_image");
    }

    /// <summary>Takes note that a learnt word was used, whose file is not in the picture.</summary>
    public void NoteLearnt(string words) =>
        Note($"learnt words were used ({OneLine.Shorten(OneLine.Of(words))}); give them with --embedding or --embedding-dir.", "embedding|embedding_dir");

    /// <summary>Takes note that words are weighed, where the program weighs them in another way than this one.</summary>
    /// <param name="prompt">The prompt in this program's way.</param>
    public void NoteWeights(string prompt)
    {
        if (Weight().IsMatch(prompt))
        {
            Note($"{Program} weighs words in another way, so that those with a weight come out a little otherwise.");
        }
    }

    /// <summary>Whether the user's own defaults say what a field is: the recipe does not, nor by leaving it out.</summary>
    public bool LeavesOpen(string field) => !Fields.ContainsKey(field) && (_leftOpen.Contains(field) || _notes.Exists(note => note.Advises(field)));

    /// <summary>What differs between the model that painted the picture and one that is to paint it again, in one line; null for nothing.</summary>
    public string? OtherModel(ModelFolder folder)
    {
        static string Name(string model, string? variant) => OneLine.Of(variant is null ? model : $"{model} ({variant})");
        var isSame = Model == folder.Name && Variant == folder.Variant;
        return Model is not { Length: > 0 } || isSame ? null : $"it was painted with the model {Name(Model, Variant)}, and is painted again with {Name(folder.Name, folder.Variant)}.";
    }

    /// <summary>Sets how the noise levels are spread over the steps, by the names that programs over k-diffusion have for it.</summary>
    /// <param name="name">Such as <c>karras</c>; empty for what the scheduler does by itself.</param>
    /// <param name="choice">The scheduler; null where it is not known.</param>
    /// <param name="fromTop">
    /// Whether the program begins at the model's highest noise level whatever the model says of spacing, as k-diffusion does (<c>get_sigmas</c>).
    /// </param>
    public void SetSchedule(string name, SchedulerChoice? choice, bool fromTop)
    {
        bool Has(string parameter) => choice is { } known && SchedulerParameters.ByClass[known.Entry.DiffusersClass].ContainsKey(parameter);
        var spacing = fromTop && choice is { Key: not "timestep_spacing" } ? "linspace" : null;
        switch (name.ToLowerInvariant())
        {
            case "" or "uniform" or "normal":
                break;
            case "karras" or "exponential" or "beta" when Has($"use_{name.ToLowerInvariant()}_sigmas"):
                Set("sigmas", name.ToLowerInvariant());
                break;
            case "simple" or "sgm_uniform" or "sgm uniform":
                spacing = "trailing";
                Note($"the schedule {name} comes close as --spacing trailing.", "spacing");
                break;
            case "ddim" or "ddim_uniform":
                spacing = "leading";
                break;
            case "karras" or "exponential" or "beta" when choice is not null:
                Note($"the schedule {name} is none that its scheduler takes here; the scheduler's own is taken.", "sigmas|spacing");
                break;
            default:
                Note($"the schedule {name} is not known here; the scheduler's own is taken.", "sigmas|spacing");
                break;
        }

        Set("spacing", Has("timestep_spacing") ? spacing : null);
    }

    /// <summary>Says as the model that is to paint needs it what programs say in other ways of other models.</summary>
    /// <param name="open">Opens the model's folder, where it matters which model it is.</param>
    public void FitTo(Func<ModelFolder> open)
    {
        if (Program == "sd")
        {
            return;
        }

        var folder = new Lazy<ModelFolder>(open);
        FitLayersTo(folder);
        if (Fields.TryGetValue("scheduler", out var values) && SchedulerTable.TryResolve(values[0], out var choice) && !folder.Value.Family.CanUse(choice.Entry))
        {
            Fields.Remove("scheduler");
            Fields.Remove("spacing");
            if (choice.Entry.Name != "euler")
            {
                // Euler's steps are what flow models are painted with here too, under a name of their own.
                Note($"the sampler {values[0]} is not for this model here; the model's own is taken.", "scheduler");
            }
        }
    }

    /// <summary>The fields with what is given beside the recipe in their place: it changes what it names, of a scheduler's configuration too, and nothing else.</summary>
    public LineFields With(LineFields given)
    {
        var fields = new LineFields(Fields);
        foreach (var (field, values) in SchedulerFields.Named(given))
        {
            fields[field] = field == FieldTable.SchedulerConfig ? SchedulerFields.Merged(fields.GetValueOrDefault(field) ?? [], values) : values;
        }

        foreach (var (field, values) in OfPicture.Where(one => given.ContainsKey("init_image") && !given.ContainsKey(one.Key)))
        {
            fields[field] = values;
        }

        if (given.ContainsKey("num_images"))
        {
            fields.Remove(FieldTable.Picture); // it was one of another number
        }

        return fields;
    }

    /// <summary>The recipe as JSON: a line of a batch file, with what could not be followed.</summary>
    public JsonObject ToJson(FieldTable table)
    {
        var json = table.ToJson(Fields);
        json["program"] = Program;
        if (Model is { Length: > 0 })
        {
            json["model"] = Model;
        }

        json["notes"] = new JsonArray([.. Notes.Select(note => JsonValue.Create(note.Text))]);
        return json;
    }

    /// <summary>
    /// Counts the layers that are left out as they are counted here, for a model with two CLIPs: it reads the layer before the last as it is. The webui
    /// leaves out none of these, whatever it writes, and ComfyUI counts from the last.
    /// </summary>
    private void FitLayersTo(Lazy<ModelFolder> folder)
    {
        if (Program is not ("webui" or "ComfyUI") || !Fields.TryGetValue(ClipSkip, out var values)
            || !long.TryParse(values[0], NumberStyles.None, CultureInfo.InvariantCulture, out var skip) || !folder.Value.HasSecondTextEncoder)
        {
            return;
        }

        switch (Program)
        {
            case "webui":
                Fields.Remove(ClipSkip);
                if (skip > 1)
                {
                    Note($"Clip skip: {skip} is not followed, as it does nothing to models with two text encoders there; --clip-skip leaves out layers here.", ClipSkip);
                }

                break;
            case "ComfyUI" when skip > 1:
                Fields[ClipSkip] = [(skip - 1).ToString(CultureInfo.InvariantCulture)];
                break;
            default:
                Note("its texts were read at the last layer, which is not done here for models with two text encoders.", ClipSkip);
                break;
        }
    }

    [GeneratedRegex(@"(?<!\\)(\\\\)*\(")]
    private static partial Regex Weight();
}

/// <summary>Something that a file says and this program cannot follow.</summary>
/// <param name="Text">One line for the user.</param>
/// <param name="Advised">The fields by which the user can say what is missing: each of them, or one of several with | between.</param>
internal sealed record RecipeNote(string Text, IReadOnlyList<string> Advised)
{
    /// <summary>Whether all that it advises to give is given.</summary>
    public bool IsSettledBy(IReadOnlySet<string> given) => Advised.Count > 0 && Advised.All(field => field.Split('|').Any(given.Contains));

    /// <summary>Whether it advises to give this field.</summary>
    public bool Advises(string field) => Advised.Any(advised => advised.Split('|').Contains(field));
}
