namespace StableDiffusion;

/// <summary>The modules of a network by their PyTorch path: from the names that the export kept, or from the order of its weights.</summary>
internal sealed class ModuleTable
{
    private readonly Dictionary<string, WeightedModule> _byPath = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);

    private ModuleTable(IEnumerable<(string Path, WeightedModule Module)> modules, ModuleOrder? order)
    {
        foreach (var (path, module) in modules)
        {
            _byPath.TryAdd(path, module);
        }

        foreach (var path in _byPath.Keys)
        {
            _paths.TryAdd(Flat(path), path);
        }

        foreach (var path in _byPath.Keys.ToList())
        {
            foreach (var alias in OtherNames(path, order))
            {
                _paths.TryAdd(Flat(alias), path);
            }
        }
    }

    /// <summary>The modules by path.</summary>
    public IReadOnlyDictionary<string, WeightedModule> Modules => _byPath;

    /// <summary>Finds the modules of a graph.</summary>
    /// <param name="graph">The graph; it must be sorted where its names are lost.</param>
    /// <param name="index">Its index.</param>
    /// <param name="order">The modules that the network's config.json describes; null where it has none.</param>
    /// <exception cref="ModelException">The export keeps neither names nor the order of the modules.</exception>
    public static ModuleTable Of(OnnxGraph graph, OnnxIndex index, ModuleOrder? order)
    {
        var weights = WeightedModule.Find(graph, index);
        var named = weights.Select(module => (Path: module.Path(), Module: module)).Where(one => one.Path is not null).ToList();
        var shortened = WithoutWrapper([.. named.Select(one => one.Path!)]);
        if (named.Count * 2 > weights.Count && shortened.Distinct().Count() == shortened.Count)
        {
            return new ModuleTable(shortened.Zip(named, (path, one) => (path, one.Module)), order);
        }

        if (order is null)
        {
            throw new ModelException($"{graph.Path} has no names of modules, and no config.json beside it says their order; export it again with a current optimum.");
        }

        return new ModuleTable(order.Assign(graph, index, weights), order);
    }

    /// <summary>The path of a module by a LoRA file's name for it; null where the network has none of that name.</summary>
    public string? PathOf(string flatName) => _paths.GetValueOrDefault(flatName);

    private static string Flat(string path) => path.Replace('.', '_');

    /// <summary>Exporters that wrap a network in a module of their own put its name before every path.</summary>
    private static List<string> WithoutWrapper(List<string> paths)
    {
        string[] roots = ["down_blocks", "conv_in", "text_model", "encoder", "transformer_blocks", "joint_transformer_blocks", "x_embedder"];
        while (paths.Count > 0
            && paths.TrueForAll(path => path.Contains('.', StringComparison.Ordinal) && path.Split('.')[0] == paths[0].Split('.')[0])
            && !Array.Exists(roots, root => paths.Exists(path => path.Split('.')[0] == root)))
        {
            paths = [.. paths.Select(path => path[(path.IndexOf('.', StringComparison.Ordinal) + 1)..])];
        }

        return paths;
    }

    /// <summary>Other names of one module: that of the original Stable Diffusion code, and those of text encoders in older and newer libraries.</summary>
    private static IEnumerable<string> OtherNames(string path, ModuleOrder? order)
    {
        const string textModel = "text_model.";
        if (order?.OriginalName(path) is { } original)
        {
            yield return original;
        }

        if (!path.Contains("self_attn", StringComparison.Ordinal) && !path.Contains("mlp", StringComparison.Ordinal))
        {
            yield break;
        }

        var inner = path.StartsWith(textModel, StringComparison.Ordinal) ? path[textModel.Length..] : path;
        foreach (var name in (string[])[textModel + inner, inner])
        {
            yield return name;
            yield return name.Replace("out_proj", "to_out.0", StringComparison.Ordinal)
                .Replace("q_proj", "to_q", StringComparison.Ordinal)
                .Replace("k_proj", "to_k", StringComparison.Ordinal)
                .Replace("v_proj", "to_v", StringComparison.Ordinal);
        }
    }
}
