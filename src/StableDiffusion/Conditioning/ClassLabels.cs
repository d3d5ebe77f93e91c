using System.Globalization;

namespace StableDiffusion;

/// <summary>The classes of a class-conditional model, by number and by name.</summary>
internal sealed class ClassLabels
{
    // "cardigan" is a garment, "Cardigan" a dog: case is overlooked only where a name is not there as it is written.
    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _byNameInAnyCase = new(StringComparer.OrdinalIgnoreCase);
    private readonly string _model;

    private ClassLabels(string model, int count) => (_model, Count) = (model, count);

    /// <summary>How many classes there are; the number after the last stands for none.</summary>
    public int Count { get; }

    /// <summary>Reads <c>id2label</c> of <c>model_index.json</c>, where names of one class are separated by commas, as diffusers' DiTPipeline does.</summary>
    /// <exception cref="ModelException">An entry is no number, or no name.</exception>
    public static ClassLabels Read(ModelFolder folder)
    {
        var count = JsonFile.ReadIfExists(folder.Combine("transformer", "config.json")).Integer("num_embeds_ada_norm") ?? 1000;
        var labels = new ClassLabels(folder.Name, count);
        foreach (var (id, names) in JsonFile.ReadIfExists(folder.Combine("model_index.json")).TextsByKey("id2label"))
        {
            if (!int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number >= count)
            {
                throw new ModelException($"{folder.Path}/model_index.json: id2label has the class {OneLine.Quote(OneLine.Shorten(id))}; there are the classes 0 to {count - 1}.");
            }

            foreach (var name in names.Split(','))
            {
                labels._byName[name.Trim()] = number;
                labels._byNameInAnyCase.TryAdd(name.Trim(), number);
            }
        }

        return labels;
    }

    /// <summary>The class that a prompt names.</summary>
    /// <exception cref="RequestException">There is none such.</exception>
    public int Find(string prompt)
    {
        var text = prompt.Trim();
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < Count)
        {
            return number;
        }

        var first = text.Split(',')[0].Trim();
        foreach (var names in (Dictionary<string, int>[])[_byName, _byNameInAnyCase])
        {
            if (names.TryGetValue(text, out var known) || names.TryGetValue(first, out known))
            {
                return known;
            }
        }

        var near = _byName.Keys.Where(name => text.Length > 2 && name.Contains(text, StringComparison.OrdinalIgnoreCase)).Take(5).ToList();
        var hint = near.Count > 0 ? $", such as {string.Join(", ", near)}" : _byName.Count > 0 ? ", such as golden retriever" : "";
        throw new RequestException(
            nameof(ImageRequest.Prompt), $"{OneLine.Quote(text)} is no class of {_model}; give a number from 0 to {Count - 1} or a class's name{hint}.");
    }
}
