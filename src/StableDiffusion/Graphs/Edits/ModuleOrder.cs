namespace StableDiffusion;

/// <summary>
/// The modules with weights that a network's config.json describes, in the order in which its forward pass calls them. It gives exports without
/// names their names back, and knows the names of the original Stable Diffusion code.
/// </summary>
internal sealed class ModuleOrder
{
    private readonly List<(string Path, long[] Shape)> _modules;
    private readonly UNetShape? _unet;

    private ModuleOrder(List<(string Path, long[] Shape)> modules, UNetShape? unet = null) => (_modules, _unet) = (modules, unet);

    public IReadOnlyList<(string Path, long[] Shape)> Modules => _modules;

    /// <summary>Reads the config.json beside a network; null where there is none, or it is of another kind of network.</summary>
    public static ModuleOrder? Read(string networkPath)
    {
        var path = Path.Combine(Path.GetDirectoryName(networkPath)!, "config.json");
        if (!File.Exists(path))
        {
            return null;
        }

        var config = JsonFile.Read(path);
        if (UNetShape.Read(config) is { } unet)
        {
            return new ModuleOrder(UNetModules.List(unet), unet);
        }

        return config.Integer("num_hidden_layers") is { } layers && config.Integer("hidden_size") is { } width && config.Integer("intermediate_size") is { } inner
            ? new ModuleOrder(TextModules(layers, width, inner, config.Texts("architectures").Any(name => name.Contains("Projection", StringComparison.Ordinal)) ? config.Integer("projection_dim") : null))
            : null;
    }

    /// <summary>The name of a UNet's module in the original code, which kohya's SDXL files use.</summary>
    public string? OriginalName(string path) => _unet is { } unet ? OriginalNames.Of(path, unet) : null;

    /// <summary>Names the weights of a graph by their order. Number, shapes and the part that each plays in attention must agree.</summary>
    public IEnumerable<(string Path, WeightedModule Module)> Assign(OnnxGraph graph, OnnxIndex index, IReadOnlyList<WeightedModule> weights)
    {
        if (weights.Count != _modules.Count || _modules.Zip(weights).Any(pair => !pair.First.Shape.SequenceEqual(pair.Second.Shape)))
        {
            throw new ModelException(
                $"{graph.Path} has lost the names of its modules, and its {weights.Count} weights are not the {_modules.Count} of its config.json in their order "
                + "(an optimised export?); apply the LoRA to a plain export.");
        }

        var roles = AttentionRoles.Find(graph, index);
        foreach (var ((path, _), module) in _modules.Zip(weights))
        {
            if (RoleOf(path) is { } role && roles.TryGetValue(module.Node, out var found) && found != role)
            {
                throw new ModelException($"{graph.Path} has lost the names of its modules, and {path} stands where attention takes its {found}; apply the LoRA to a plain export.");
            }

            yield return (path, module);
        }
    }

    private static char? RoleOf(string path)
    {
        var last = path[(path.LastIndexOf('.') + 1)..];
        return last is "to_q" or "q_proj" ? 'q' : last is "to_k" or "k_proj" ? 'k' : last is "to_v" or "v_proj" ? 'v' : null;
    }

    private static List<(string Path, long[] Shape)> TextModules(int layers, int width, int inner, int? projection)
    {
        var modules = new List<(string, long[])>();
        for (var layer = 0; layer < layers; layer++)
        {
            var path = $"text_model.encoder.layers.{layer}.";
            foreach (var part in (string[])["q", "k", "v", "out"])
            {
                modules.Add(($"{path}self_attn.{part}_proj", [width, width]));
            }

            modules.Add((path + "mlp.fc1", [inner, width]));
            modules.Add((path + "mlp.fc2", [width, inner]));
        }

        if (projection is { } outputs)
        {
            modules.Add(("text_projection", [outputs, width]));
        }

        return modules;
    }
}
