using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What a model folder holds, what of the program works with it, and what is missing.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Family">The pipeline's class; null where the folder does not say.</param>
/// <param name="Scheduler">The class of its scheduler.</param>
/// <param name="Size">Width and height in pixels that it was trained at; null where it cannot be opened.</param>
/// <param name="Networks">Its networks.</param>
/// <param name="Works">What works: name, whether, and why not.</param>
/// <param name="Assumed">What was missing in the folder and what it is taken for; null where nothing was.</param>
/// <param name="Problem">Why it cannot be opened; null where it can.</param>
internal sealed record ModelReport(
    string Path,
    string? Family,
    string? Scheduler,
    (int Width, int Height)? Size,
    IReadOnlyList<NetworkReport> Networks,
    IReadOnlyList<(string Name, bool Works, string? Why)> Works,
    string? Assumed,
    string? Problem)
{
    /// <summary>Bytes of all weights: about what the model takes in memory, next to what its layers pass on.</summary>
    public long WeightBytes => Networks.Sum(network => network.WeightBytes);

    /// <summary>Bytes of the largest network: what it takes with <c>--low-memory</c>.</summary>
    public long LargestBytes => Networks.Count == 0 ? 0 : Networks.Max(network => network.WeightBytes);

    /// <summary>Looks at a folder. Networks that are no graphs are part of the problem, not an exception.</summary>
    public static ModelReport Of(string path)
    {
        var (networks, broken) = NetworksOf(path);
        ModelFolder? folder = null;
        string? problem = null;
        try
        {
            folder = ModelFolder.Open(path);
        }
        catch (ModelException error)
        {
            problem = error.Message;
        }

        problem ??= broken ?? (folder is null ? null : Refusal(folder));
        return new ModelReport(
            path,
            folder?.PipelineClass,
            folder?.Scheduler.ClassName,
            folder is null ? null : (folder.DefaultWidth, folder.DefaultHeight),
            networks,
            [.. WorksOf(networks, folder, problem)],
            folder?.Guess,
            problem);
    }

    public JsonObject ToJson() => new()
    {
        ["path"] = Path,
        ["family"] = Family,
        ["scheduler"] = Scheduler,
        ["width"] = Size?.Width,
        ["height"] = Size?.Height,
        ["bytes"] = WeightBytes,
        ["largest_network_bytes"] = LargestBytes,
        ["networks"] = new JsonArray([.. Networks.Select(network => (JsonNode)network.ToJson())]),
        ["works"] = new JsonObject(Works.Select(one => KeyValuePair.Create(one.Name, (JsonNode?)one.Works))),
        ["missing"] = new JsonArray([.. Works.Where(one => one.Why is not null).Select(one => (JsonNode)$"{one.Name}: {one.Why}")]),
        ["assumed"] = Assumed,
        ["problem"] = Problem,
    };

    /// <summary>Why nothing can be painted with a model that opens, such as a scheduler that is not here; null where something can.</summary>
    private static string? Refusal(ModelFolder folder)
    {
        try
        {
            GenerationPlan.Of(PlainRequest.For(new ImageRequest { Prompt = "" }, folder), folder);
            return null;
        }
        catch (Exception error) when (error is RequestException or ModelException)
        {
            return OptionNames.Message(error);
        }
    }

    private static (IReadOnlyList<NetworkReport> Networks, string? Broken) NetworksOf(string path)
    {
        var (networks, broken) = (new List<NetworkReport>(), (string?)null);
        var depth = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3 };
        foreach (var file in Directory.EnumerateFiles(path, "*.onnx", depth).Order(StringComparer.Ordinal))
        {
            try
            {
                networks.Add(NetworkReport.Read(System.IO.Path.GetRelativePath(path, System.IO.Path.GetDirectoryName(file)!), file));
            }
            catch (ModelException error)
            {
                broken ??= error.Message;
            }
        }

        return (networks, broken);
    }

    private static IEnumerable<(string Name, bool Works, string? Why)> WorksOf(IReadOnlyList<NetworkReport> networks, ModelFolder? folder, string? problem)
    {
        NetworkReport? Part(string name) => networks.FirstOrDefault(network => network.Part.Split('/', '\\')[^1] == name);
        var unet = Part("unet");
        var denoiser = unet ?? Part("transformer");
        var noDenoiser = denoiser is null ? "there is no unet or transformer" : null;
        var noUNet = unet is null ? "there is no unet" : null;
        var noEncoder = Part("vae_encoder") is null ? "there is no vae_encoder" : null;
        var isQuantized = denoiser?.IsQuantized == true ? "its weights are quantized" : null;

        // The family says by itself what it takes; what it is asked for here is never painted.
        var picture = new RgbImage(8, 8, new byte[8 * 8 * 3]);
        var isForInpainting = folder?.Family is InpaintingFamily;
        var fromNoise = new ImageRequest { Prompt = folder is null ? "" : PlainRequest.PromptFor(folder) };
        var fromPicture = fromNoise with { InitImage = picture };
        var inpainting = fromPicture with { Mask = picture };
        var usual = isForInpainting ? inpainting : fromNoise;
        string? Refusal(ImageRequest request)
        {
            try
            {
                folder?.Family.Check(request, folder);
                return null;
            }
            catch (RequestException)
            {
                return isForInpainting ? "it is made for inpainting" : $"not with {folder!.Family.Name}";
            }
        }

        (string, bool, string?) Of(string name, string? why) => (name, problem is null && why is null, problem is null ? why : "the model cannot be opened");

        yield return Of("text to image", noDenoiser ?? Refusal(fromNoise));
        yield return Of("image to image", noEncoder ?? Refusal(fromPicture));
        yield return Of("inpainting", noEncoder ?? Refusal(inpainting));
        yield return Of("LoRA", noDenoiser ?? isQuantized ?? Refusal(usual with { Loras = [new Lora("a.safetensors")] }));
        yield return Of("ControlNet", noUNet ?? Refusal(usual with { Controls = [new Control("a", picture)] }));
        yield return Of("DeepCache", noUNet ?? Refusal(usual with { DeepCache = new DeepCache(2) }));
    }
}
