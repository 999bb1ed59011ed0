import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.tirasa.connid.bundles.scim.common.SCIMConnectorConfiguration;
import net.tirasa.connid.bundles.scim.v2.SCIMv2Connector;
import org.identityconnectors.common.security.GuardedString;
import org.identityconnectors.framework.api.APIConfiguration;
import org.identityconnectors.framework.api.ConnectorFacade;
import org.identityconnectors.framework.api.ConnectorFacadeFactory;
import org.identityconnectors.framework.common.objects.Attribute;
import org.identityconnectors.framework.common.objects.AttributeBuilder;
import org.identityconnectors.framework.common.objects.AttributeDelta;
import org.identityconnectors.framework.common.objects.AttributeDeltaBuilder;
import org.identityconnectors.framework.common.objects.ConnectorObject;
import org.identityconnectors.framework.common.objects.Name;
import org.identityconnectors.framework.common.objects.ObjectClass;
import org.identityconnectors.framework.common.objects.OperationOptions;
import org.identityconnectors.framework.common.objects.OperationOptionsBuilder;
import org.identityconnectors.framework.common.objects.Uid;
import org.identityconnectors.framework.common.objects.filter.FilterBuilder;
import org.identityconnectors.test.common.TestHelpers;

/** Syncope's SCIM connector goes through a user's and a group's life, by PUT and then by PATCH; a line for each step. */
public class ConnIdStory {
    private static final String ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:";
    private static final OperationOptions WHOLE = new OperationOptionsBuilder()
        .setAttributesToGet("userName", "active", "name.familyName", "emails.work.value", "groups", "displayName", "members",
            "title", ENTERPRISE + "employeeNumber")
        .build();

    private final ConnectorFacade facade;
    private final String method;

    private ConnIdStory(String url, String token, String method) {
        SCIMConnectorConfiguration configuration = new SCIMConnectorConfiguration();
        configuration.setBaseAddress(url);
        if (method.equals("PUT")) {
            configuration.setBearerToken(token);
        } else {
            configuration.setUsername("connid");
            configuration.setPassword(new GuardedString(token.toCharArray()));
        }
        configuration.setUpdateUserMethod(method);
        configuration.setUpdateGroupMethod(method);
        APIConfiguration api = TestHelpers.createTestConfiguration(SCIMv2Connector.class, configuration);
        api.getResultsHandlerConfiguration().setFilteredResultsHandlerInValidationMode(true);
        this.facade = ConnectorFacadeFactory.getInstance().newInstance(api);
        this.method = method;
    }

    /** Arguments: URL below which the endpoints are, and a token. */
    public static void main(String[] given) {
        for (String method : new String[] {"PUT", "PATCH"}) {
            new ConnIdStory(given[0], given[1], method).tell();
        }
        System.exit(0);
    }

    private void tell() {
        String name = "connid-" + method.toLowerCase() + "@example.com";
        Uid[] made = new Uid[2];
        step("test", () -> facade.test());
        step("schema", () -> check(facade.schema().findObjectClassInfo(ObjectClass.ACCOUNT_NAME) != null, "no accounts"));
        step("match: nobody yet", () -> check(find(name).isEmpty(), "somebody"));
        step("create user", () -> made[0] = facade.create(ObjectClass.ACCOUNT, user(name, "Ray", true), null));
        step("match", () -> check(find(name).size() == 1, find(name).toString()));
        step("create the same again", () -> {
            try {
                facade.create(ObjectClass.ACCOUNT, user(name, "Ray", true), null);
            } catch (RuntimeException taken) {
                return;
            }
            throw new IllegalStateException("two users of one name");
        });
        step("update", () -> {
            facade.update(ObjectClass.ACCOUNT, made[0], user(name, "Reed", true), null);
            check(value(read(made[0]), "name.familyName").equals("Reed"), read(made[0]).toString());
        });
        step("create group", () -> made[1] = facade.create(ObjectClass.GROUP, group("Sales by " + method), null));
        step("join group", () -> {
            join(made[0], made[1]);
            List<Object> groups = values(read(made[0]), "groups");
            check(groups.contains(made[1].getUidValue()), "groups: " + groups);
        });
        step("leave group", () -> {
            leave(made[0], made[1]);
            check(values(read(made[0]), "groups").isEmpty(), "groups: " + values(read(made[0]), "groups"));
        });
        step("list by pages", () -> {
            List<ConnectorObject> found = new ArrayList<>();
            facade.search(ObjectClass.ACCOUNT, null, found::add,
                new OperationOptionsBuilder(WHOLE).setPageSize(1).build());
            check(!found.isEmpty(), "nobody");
        });
        step("deactivate", () -> {
            activate(made[0], name, false);
            check(value(read(made[0]), "active").equals(false), read(made[0]).toString());
        });
        step("reactivate", () -> {
            activate(made[0], name, true);
            check(value(read(made[0]), "active").equals(true), read(made[0]).toString());
        });
        step("delete user", () -> {
            facade.delete(ObjectClass.ACCOUNT, made[0], null);
            check(find(name).isEmpty(), "still there");
        });
        step("delete group", () -> facade.delete(ObjectClass.GROUP, made[1], null));
    }

    private void join(Uid user, Uid group) {
        if (method.equals("PUT")) {
            members(group, user.getUidValue());
        } else {
            change(user, AttributeDeltaBuilder.build("groups", List.of(group.getUidValue()), List.of()));
        }
    }

    private void leave(Uid user, Uid group) {
        if (method.equals("PUT")) {
            members(group);
        } else {
            change(user, AttributeDeltaBuilder.build("groups", List.of(), List.of(group.getUidValue())));
        }
    }

    /** Of a PUT: it says that a user's groups are the user's, which only the service may write (RFC 7643 §4.1.2). */
    private void members(Uid group, String... ids) {
        Set<Attribute> changed = group("Sales by PUT");
        changed.add(AttributeBuilder.build("members", (Object[]) ids));
        facade.update(ObjectClass.GROUP, group, changed, null);
    }

    private void activate(Uid user, String name, boolean active) {
        if (method.equals("PUT")) {
            facade.update(ObjectClass.ACCOUNT, user, user(name, "Reed", active), null);
        } else {
            change(user, AttributeDeltaBuilder.build("active", active));
        }
    }

    private void change(Uid user, AttributeDelta... deltas) {
        facade.updateDelta(ObjectClass.ACCOUNT, user, new HashSet<>(Arrays.asList(deltas)), null);
    }

    private List<ConnectorObject> find(String name) {
        List<ConnectorObject> found = new ArrayList<>();
        facade.search(ObjectClass.ACCOUNT, FilterBuilder.equalTo(new Name(name)), found::add, WHOLE);
        return found;
    }

    private ConnectorObject read(Uid user) {
        ConnectorObject found = facade.getObject(ObjectClass.ACCOUNT, user, WHOLE);
        check(found != null, "not there");
        return found;
    }

    private static Set<Attribute> user(String name, String family, boolean active) {
        return new HashSet<>(Arrays.asList(
            AttributeBuilder.build("userName", name),
            AttributeBuilder.build("name.givenName", "Lou"),
            AttributeBuilder.build("name.familyName", family),
            AttributeBuilder.build("emails.work.value", name),
            AttributeBuilder.build("emails.work.primary", true),
            AttributeBuilder.build("roles.default.value", "agent"),
            AttributeBuilder.build(ENTERPRISE + "employeeNumber", "E-" + name),
            AttributeBuilder.buildPassword(new GuardedString("of nobody".toCharArray())),
            AttributeBuilder.build("active", active)));
    }

    private static Set<Attribute> group(String name) {
        return new HashSet<>(Arrays.asList(AttributeBuilder.build("displayName", name), new Name(name)));
    }

    private static List<Object> values(ConnectorObject of, String name) {
        Attribute found = of.getAttributeByName(name);
        return found == null || found.getValue() == null ? List.of() : found.getValue();
    }

    private static Object value(ConnectorObject of, String name) {
        List<Object> found = values(of, name);
        return found.isEmpty() ? "" : found.get(0);
    }

    private static void check(boolean fits, String why) {
        if (!fits) {
            throw new IllegalStateException(why);
        }
    }

    private void step(String name, Runnable does) {
        String status = "SUCCESSFUL";
        String why = "";
        try {
            does.run();
        } catch (Throwable failed) {
            status = "FAILED";
            why = failed.toString().replaceAll("\\s+", " ");
        }
        System.out.println(String.join("\t", "RESULT", status, name + ", " + method, "", why));
    }
}
